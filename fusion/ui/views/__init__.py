"""One file per view: what it needs of a result, as plain data, and the component that draws it in the browser."""
