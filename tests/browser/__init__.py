"""
The page in a real browser.

    conftest    a browser, a page in it, and the worker behind the page
    narrator    a stand-in for the worker, with what the page shows of voices and speech
    visit       what a visitor does, on the page of any address
    firefox     drives Firefox
    pictures    takes the pictures of docs/page.md
"""
