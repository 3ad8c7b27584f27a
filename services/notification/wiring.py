"""What the parts of notification share, made once from the settings."""

from dataclasses import dataclass
from datetime import timedelta

from services.notification.dispatcher import Dispatcher
from services.notification.sender import Sender
from services.notification.settings import NotificationSettings
from services.notification.targets import Keyring, Targets
from services.notification.telling import Links, Teller
from shared.kit.process.declaration import Platform
from shared.kit.settings import read_secrets
from shared.kit.vault import Vault


@dataclass(frozen=True, slots=True)
class Wiring:
    settings: NotificationSettings
    keys: Keyring
    targets: Targets
    teller: Teller

    @classmethod
    def of(cls, settings: NotificationSettings) -> "Wiring":
        """
        Raises:
            ValueError: no vault key, or links that could not be signed or would lead nowhere.
        """
        if settings.vault_key_file is None:
            raise ValueError("LIANDU_VAULT_KEY_FILE is needed: robots' addresses are stored encrypted")
        if settings.link_secret_file is None or settings.public_url is None:
            raise ValueError("LIANDU_LINK_SECRET_FILE and LIANDU_PUBLIC_URL are needed: messages carry signed links")
        keys = Keyring(Vault(read_secrets(settings.vault_key_file)))
        links = Links(settings.public_url, read_secrets(settings.link_secret_file), timedelta(days=settings.link_days))
        return cls(settings, keys, settings.targets(), Teller(keys, links))

    async def dispatch(self, platform: Platform) -> None:
        """The loop that sends."""
        settings = self.settings
        dispatcher = Dispatcher(
            platform.engine,
            clock=platform.clock,
            teller=self.teller,
            sender=lambda: Sender(self.targets, answer_seconds=settings.robot_answer_seconds),
            concurrent_robots=settings.concurrent_robots,
        )
        await dispatcher.run()
