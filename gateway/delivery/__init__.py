"""What happens to pictures between the provider's answer and the caller's."""

from gateway.delivery.deliver import Delivery, NotKept
from gateway.delivery.links import Links
from gateway.delivery.store import FolderStore, Kept, PictureStore

__all__ = ["Delivery", "FolderStore", "Kept", "Links", "NotKept", "PictureStore"]
