"""VeriHome Realtime: a Socket.IO messaging server. See docs/ and README.md."""

__version__ = "0.1.0"
