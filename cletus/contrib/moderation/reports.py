"""Reports: what people tell moderators about others."""

from __future__ import annotations

from typing import ClassVar

from cletus.contrib.loading import load_at_start
from cletus.contrib.moderation.history import Line
from cletus.contrib.saving import save_for
from cletus.storage import Field, Manager, Store


class BaseReport(Store):
    """The store of reports that wait for a moderator. Its key is a number.

    Attributes:
        about: the key of the user whom it is about.
        name: their name at that time.
        by: the key of the user who has written it.
        origin: a digest of their address, if they were a guest or a newcomer.
        text: what they have written.
        at: when, in seconds since the epoch by the service's clock.
        lines: the latest lines of the chat history of the user whom it is about.
    """

    abstract = True
    manager: ClassVar[Manager[BaseReport]] = Manager()
    #: Reports that can wait; those of guests and newcomers are at most half of them. Our choice.
    reports_max: ClassVar[int] = 200
    #: Reports of one user, or of the guests and newcomers of one address, that can wait, so that nobody can
    #: bury those of others. Our choice.
    own_max: ClassVar[int] = 5
    #: Maximum number of characters of a report.
    text_max: ClassVar[int] = 500
    #: Lines of the chat history that a report keeps. Our choice.
    lines_max: ClassVar[int] = 20

    about: Field[str] = Field("")
    name: Field[str] = Field("")
    by: Field[str] = Field("")
    origin: Field[str] = Field("")
    text: Field[str] = Field("")
    at: Field[float] = Field(0.0)
    lines: Field[list[Line]] = Field(list, type=list[Line])

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.abstract:
            load_at_start(cls)

    @classmethod
    def forget_user(cls, key: str) -> None:
        """Called when an account is deleted: reports about it stay, but not as those about the next account."""
        for report in cls.manager.active().values():
            if key in (report.about, report.by):
                report.about = "" if report.about == key else report.about
                report.by = "" if report.by == key else report.by
                save_for(report)
