"""The talk on SGD (Chaudhari and Soatto, arXiv:1710.11029), slide by slide, computed.

Each module ``slideNN_subject`` has SLIDE, QUICK, ``compute``, ``finding``, ``table``, ``figure``;
`gallery` runs them all and writes one page.
"""
