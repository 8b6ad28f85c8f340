// Every operation, below the introduction. Nothing is asked of other sites: validatorUrl would be one.

const page = document.getElementById("swagger");
const dark = matchMedia("(prefers-color-scheme: dark)");

// Swagger UI is dark by a class, not by the preference itself.
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

SwaggerUIBundle({
  url: page.dataset.schema,
  domNode: page,
  validatorUrl: null,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  queryConfigEnabled: false,
  syntaxHighlight: { activated: true, theme: "agate" },
});
