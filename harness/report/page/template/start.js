"use strict";
/* Unpacks the data and the plotting library, then builds the parts of the page. */
const report = {};

report.element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value);
  }
  // texts become text nodes: what a model wrote is shown and never run
  made.append(...children);
  return made;
};

report.unpack = (id) => {
  const letters = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place += 1) bytes[place] = letters.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
};

report.headingBelow = (section) => `h${Number(section.querySelector("h2, h3").tagName[1]) + 1}`;

report.build = async () => {
  report.sortableTables();
  const [library, data] = await Promise.all([report.unpack("library"), report.unpack("data")]);
  const script = document.createElement("script");
  script.textContent = library;
  document.head.append(script);
  const { studies, marks } = JSON.parse(data);
  for (const section of document.querySelectorAll(".curves"))
    report.curves(section, studies[section.dataset.study]);
  for (const section of document.querySelectorAll(".samples"))
    report.samples(section, studies[section.dataset.study], marks);
};

report.start = () => {
  report.build().then(
    () => { document.documentElement.dataset.ready = "yes"; },
    (error) => {
      const place = document.getElementById("problem");
      place.textContent = `The curves and samples are not shown (${error.message}). They need a browser of 2023 or later.`;
      place.hidden = false;
      throw error;
    },
  );
};
