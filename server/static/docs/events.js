// Starts the AsyncAPI viewer on /docs/events. A file of its own because the page's policy allows no script
// within the page. The labels are the server's view in the document, said from the reader's side.
const config = {
  show: { sidebar: true, messages: false },
  sidebar: { showOperations: "byOperationsTags" },
  replyLabel: "client asks",
  sendLabel: "server tells",
};

const viewer = document.getElementById("viewer");

fetch("/api/v1/asyncapi.json")
  .then((response) => response.json())
  .then((schema) => AsyncApiStandalone.render({ schema, config }, viewer))
  .catch((error) => viewer.append(`The events cannot be shown: ${error.message}`));
