"""Rows without a label: labels are proposed, people review them, and only what they accepted trains.

    data/unlabelled/…                          the rows, as the last fetch left them
    data/labelling/proposals/<key>.jsonl       what one proposer proposed; `<key>.json` says who and how it was asked
    data/labelling/decisions.jsonl             what people decided, one line each, never rewritten
    data/labelling/sheets/<sheet>/             a batch as CSV and as a page for the browser; `sheet.json` says what is on it
    data/labelling/examples.jsonl              rows that the model in the chat wrote

Everything else (what is open, accepted, disputed, how well people agree) is read from these files.
"""
