"""One contract for every engine and recogniser: the real F5-TTS, XTTS and Whisper, and their stand-ins."""
