"""Mail: letters for those who are offline. See ``docs/contrib/mail.md``."""

from cletus.contrib.mail.mailbox import BaseMailbox, Letter, MailboxManager

__all__ = ["BaseMailbox", "Letter", "MailboxManager"]
