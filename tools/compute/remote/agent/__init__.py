"""What runs on a machine reached over SSH: this folder, sent there as one file. Standard library alone, Linux.

    python AGENT VERB FOLDER      reads one JSON object from stdin, prints `NLP-SKILLS {json}` as its last line
    python AGENT build FOLDER RUN           builds a worker environment as `note.json` of the run says
    python AGENT attend FOLDER RUN SECONDS  starts the run once `start` asks for it, and ends with it

FOLDER is the person's folder there:

    blobs/<sha256>          what was sent, by content; `<sha256>.part` is still arriving
    environments/<key>/     worker environments; one counts once `<key>.json` beside it says so
    packages/<sha256>/      our own package, unpacked
    runs/<job>/             one job: its inputs out of blobs, and in `jobs/<job>/` the files of resources/job.py

Every verb may be repeated: the link can be cut between what was done and the answer. What a machine was sent by an
earlier version goes on beside this: they share the files above, whose shapes stay.
"""
