// The report page reads well without this: it only adds a button that copies the text for support.

const button = document.getElementById("copy-support");
const text = document.getElementById("support-text");

if (button && text && navigator.clipboard) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = button.dataset.done;
    setTimeout(() => (button.textContent = label), 2000);
  });
}
