"""What a page shows within moments may take half a minute on a busy machine."""

from playwright.sync_api import expect

expect.set_options(timeout=30_000)
