"""What a suite can name. Each kind of part has a folder; its ``__init__.py`` holds the contract and the catalogue.

Adding a part is one new file in a folder, or one file of a user's own given as a plugin, and no edit elsewhere.
"""
