"""`liandu token`: a bearer token signed with the local secret."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from services.operator.platform import NoPlatform, jwt_secret
from services.operator.words import fail


def token(
    *,
    role: Annotated[list[str], typer.Option(help="A role; may be repeated.")],
    name: Annotated[str, typer.Option(help="The person's name, as the history shows it.")] = "",
    subject: Annotated[str, typer.Option(help="The login.")] = "liandu-cli",
    person: Annotated[
        UUID | None, typer.Option(help="The person's id in the programme: they act for posts they hold.")
    ] = None,
    uscc: Annotated[
        str | None, typer.Option(help="An enterprise's 统一社会信用代码: its account sees what is its own.")
    ] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 30, help="How long it is good for.")] = 12,
) -> None:
    """Print a token for `Authorization: Bearer …`.

    Roles: clerk, reviewer, supervisor, chief, operator, service, enterprise.
    """
    from shared.kit.web.security import Role, make_token

    try:
        roles = [Role(each) for each in role]
    except ValueError:
        fail(f"unknown role; there are {', '.join(Role)}")
    try:
        secret = jwt_secret()
    except NoPlatform as reason:
        fail(str(reason))
    made = make_token(
        secret,
        subject=subject,
        name=name or subject,
        roles=roles,
        person=person,
        uscc=uscc,
        lifetime=timedelta(hours=hours),
    )
    print(made)
