"""Mail: letters to users, online or not. See ``docs/contrib/mail.md``."""

from cletus.contrib.mail.mailbox import BaseMailbox, Letter, MailboxManager

__all__ = ["BaseMailbox", "Letter", "MailboxManager"]
