"""How what is told reaches those who hear it: rooms, Socket.IO, plain WebSockets, other processes."""
