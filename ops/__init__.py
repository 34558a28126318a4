"""What starts, configures, inspects and stops the pipelines.

Nothing else in the project imports this package.
"""
