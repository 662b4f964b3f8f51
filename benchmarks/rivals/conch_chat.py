"""Twisted's conch.telnet: every line goes to everybody."""

import sys

from twisted.conch.telnet import StatefulTelnetProtocol, TelnetTransport
from twisted.internet import reactor
from twisted.internet.protocol import Factory


class Chat(StatefulTelnetProtocol):
    clients: dict = {}

    def connectionMade(self):
        super().connectionMade()
        self.clients[self] = None
        self.setLineMode()

    def connectionLost(self, reason):
        self.clients.pop(self, None)

    def lineReceived(self, line):
        data = line + b"\n"
        for client in self.clients:
            client.transport.write(data)


class ChatFactory(Factory):
    def buildProtocol(self, addr):
        return TelnetTransport(Chat)


if __name__ == "__main__":
    reactor.listenTCP(int(sys.argv[1]), ChatFactory(), backlog=4096, interface="127.0.0.1")
    reactor.run()
