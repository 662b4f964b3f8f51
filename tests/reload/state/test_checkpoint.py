"""What module bodies do to the service before they are refused is taken back."""

from __future__ import annotations

TALK = """
    from cletus import events
    from APP.core import service

    service.commands = getattr(service, "commands", {})
    service.names = getattr(service, "names", [])
    service.seen = getattr(service, "seen", set())

    def look(client):
        client.write("v1")

    service.commands["look"] = look
    service.names.append("v1")
    service.seen.add("v1")

    @service.listen(events.Receive)
    def receive(event):
        service.commands[event.data](event.client)
"""


def test_what_was_registered_in_containers_on_the_service_is_taken_back(run):
    """Or a command of code that was refused would run."""
    app = run(talk=TALK)
    bob = app.person()
    service = app.service
    containers = service.commands, service.names, service.seen
    assert not app.reload(talk=lambda text: text.replace("v1", "v2") + "\n1/0\n").ok
    assert bob.types("look") == "v1\n"
    assert (service.names, service.seen) == (["v1"], {"v1"})
    assert containers[0] is service.commands
    assert containers[1] is service.names
    assert containers[2] is service.seen
    assert app.reload(talk=lambda text: text.replace("v1", "v2")).ok
    assert bob.types("look") == "v2\n"
    assert service.names == ["v1", "v2"]


def test_registries_inside_of_others_are_taken_back_too(run):
    """Also those of an object of the application's own class."""
    app = run(
        talk="""
        from APP.core import service

        class Registry:
            def __init__(self):
                self.table = {"say": {}}

        service.commands = getattr(service, "commands", {"say": {"short": []}})
        service.registry = getattr(service, "registry", None) or Registry()
        """
    )
    commands, registry = app.service.commands, app.service.registry
    report = app.reload(
        talk=lambda text: (
            text
            + "service.commands['say']['short'].append('refused')\n"
            + "service.registry.table['say']['x'] = service.registry.new = 'refused'\n1/0\n"
        )
    )
    assert not report.ok
    assert commands == {"say": {"short": []}}
    assert vars(registry) == {"table": {"say": {}}}
