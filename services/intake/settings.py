"""What record keeping is told by its environment, besides what every service is told."""

from shared.kit.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    """`import_max_bytes`: of one uploaded workbook."""

    import_max_bytes: int = 20 * 1024 * 1024
