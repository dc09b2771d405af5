// The secret page works without this; with it the person may look at what was typed.
const field = document.getElementById("secret");
const show = document.getElementById("show");
show.parentElement.hidden = false;
show.addEventListener("change", () => {
  field.type = show.checked ? "text" : "password";
});
field.form.addEventListener("submit", () => {
  field.type = "password";
});
field.focus();
