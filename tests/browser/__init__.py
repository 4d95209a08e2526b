"""
The page in a real browser.

    conftest    a browser, a page in it, and the worker behind the page
    narrator    a stand-in for the worker, with the voices and speech that the page shows
    visit       what a visitor does, on the page of any address
    firefox     drives Firefox
    pictures    takes the pictures of docs/page.md
"""
