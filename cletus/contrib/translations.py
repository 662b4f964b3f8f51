"""The translations of an application, beside those of Cletus.

    use_translations(service, Path(__file__).with_name("locale"))

That line belongs in a module body of the application. What its catalogues say comes before ours, so an
application adds a language, translates texts of its own, and words ours in another way.
"""

from __future__ import annotations

from pathlib import Path

from cletus import events
from cletus.service.service import Service
from cletus.text.translation import catalogues


def use_translations(service: Service, *folders: Path) -> None:
    """Use the catalogues in these folders: ``de/LC_MESSAGES/NAME.mo`` in each.

    They are read at the start and after each reload; name them in ``reload_patterns`` (``"*.mo"``), and saving
    one is a reload.

    Args:
        service: the service.
        *folders: what an earlier one says comes first.
    """

    def read(_event: events.Event) -> None:
        catalogues.use(*folders)

    def forget(_event: events.PostStop) -> None:
        catalogues.use()

    service.listen(events.PreStart)(read)
    service.listen(events.PostReload)(read)
    service.listen(events.PostStop)(forget)
