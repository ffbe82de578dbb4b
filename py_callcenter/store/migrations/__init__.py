"""The database's versions, one step a file; `store.versions` runs them."""
