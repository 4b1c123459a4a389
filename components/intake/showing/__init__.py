"""What a person looks at: contact sheets, thumbnails, the page of a dataset."""
