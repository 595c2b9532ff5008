"""`/messaging`: the inbox, all of a user's threads."""

from server.contract.operations import MESSAGING
from server.namespaces.base import Namespace


class MessagingNamespace(Namespace):
    """Hears all durable events of the user's threads."""

    name = MESSAGING
