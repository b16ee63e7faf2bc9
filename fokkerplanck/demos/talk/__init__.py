"""The talk on SGD (Chaudhari and Soatto, arXiv:1710.11029), slide by slide, computed.

Each module ``slideNN`` has SLIDE, QUICK, ``compute``, ``finding``, ``table`` and ``figure``;
`gallery` runs them all and writes one page.
"""
