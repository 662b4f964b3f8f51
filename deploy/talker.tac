# twistd -ny talker.tac: a talker, and a page that says how many are in it, in one process.
from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import Application
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.web.resource import Resource
from twisted.web.server import Site

from cletus.reload.load import load
from cletus.twisted_service import CletusService

talk = load("talk.py")  # with its settings, as `cletus run` has them


class Page(Resource):
    isLeaf = True

    def render_GET(self, request):
        return f"{len(talk.clients)} connected\n".encode()


application = Application("talker")
CletusService(talk, reactor).setServiceParent(application)
web = StreamServerEndpointService(serverFromString(reactor, "tcp:8080"), Site(Page()))
web.setServiceParent(application)
