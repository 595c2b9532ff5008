// Starts Swagger UI on /docs. A file of its own because the page's policy allows no script within the page.
SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null, // or it would ask a public service
});
