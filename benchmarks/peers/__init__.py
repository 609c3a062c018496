"""The job 'account view' in other stream processors, run on the same broker and the same topics as Concord."""
