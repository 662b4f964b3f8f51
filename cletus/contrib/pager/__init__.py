"""Show long text page by page. See ``docs/contrib/pager.md``."""

from cletus.contrib.pager.pager import Pager, page

__all__ = ["Pager", "page"]
