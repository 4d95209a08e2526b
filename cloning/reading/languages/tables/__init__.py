"""The words of languages whose module would be too long with them: currencies, units, months, abbreviations."""
