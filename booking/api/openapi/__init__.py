"""The API's description in OpenAPI 3.1, made from the operations of the endpoints, and its pages."""
