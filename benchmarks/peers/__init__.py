"""Our speed and accuracy beside other libraries': each contestant in a process of its own, the
peers in an environment of their own.
"""
