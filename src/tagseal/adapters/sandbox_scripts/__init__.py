"""Programs that run inside the sandbox, beside project code: standard library only, never imported by tagseal."""
