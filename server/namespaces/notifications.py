"""`/notifications`: the notification centre."""

from server.contract.operations import NOTIFICATIONS
from server.namespaces.base import Namespace


class NotificationsNamespace(Namespace):
    """Hears the user's notifications."""

    name = NOTIFICATIONS
