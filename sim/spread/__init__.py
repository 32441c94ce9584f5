"""Work spread over threads or over the processes of a cluster; it knows nothing of the model."""
