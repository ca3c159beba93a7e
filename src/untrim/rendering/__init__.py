"""Pictures and videos of what was found: thumbnails, clips with a contact sheet, overlays."""
