"""Answers with manifests that the facade fetched itself, with nobody's credentials: public by definition.

`answers.py` is the way in: for a relay that was decided on it gives an answer, or None, and then the caller goes its
own way with its own token. `recall.py` says what is good enough to be given, and what has to be asked for; `visits.py`
asks and keeps; `locations.py` says where blobs are; `anonymous.py` is how a registry is asked with nobody's
credentials; `single_flight.py` lets one ask for all; `troubles.py` is what was asked for in vain a moment ago.
"""
