"""The channels there are, by name."""

from services.notification.channels.base import Channel
from services.notification.channels.dingtalk import DingTalk
from services.notification.channels.webhook import Webhook

_ALL: tuple[Channel, ...] = (DingTalk(), Webhook())
CHANNELS: dict[str, Channel] = {channel.name: channel for channel in _ALL}
