"""Mail: letters for those who are offline. See ``docs/contrib/mail.md``."""

from cletus.contrib.mail.mailbox import BaseMailbox, Letter
from cletus.contrib.mail.manager import MailboxManager

__all__ = ["BaseMailbox", "Letter", "MailboxManager"]
