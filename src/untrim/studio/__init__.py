"""The studio: a local page to tag videos, look at what was found, correct it, and learn again.

`project` knows the folder, `ledger` the reviews and their history, `found` what runs found, `pictures` frame tables,
proxies and sprites, `jobs` the long work. `state` puts them together; `routes` say what a page may ask, and `guard` who
may ask. `server` starts it all. The page lies in ``static/``.
"""
