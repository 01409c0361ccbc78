"""The sections of the notebooks: a module a notebook, a function a question,
each returning exhibits and sentences.
"""
