"""What Russian needs beside its table: `cases` (gender and case of numbers), `ordinals`, `written` (numerals with endings, roman numerals, places)."""
