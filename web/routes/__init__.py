"""The routes of the API, a file a subject. They are thin: what to do lies in store, jobs and the domain."""
