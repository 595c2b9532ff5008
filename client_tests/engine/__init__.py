"""The transport on its own, seen from the wire: Engine.IO 4 and Socket.IO 5, as any client may speak them."""
