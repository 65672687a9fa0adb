"""A tab of a browser, and what is read from a page in it."""

LOCAL = ("file:", "data:", "blob:")


class Tab:
    """A page that is loaded anew for each test, and what it complained of meanwhile."""

    def __init__(self, chromium, **context):
        self.complaints = []
        self.page = chromium.new_context(**context).new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "request",
            lambda asked: asked.url.startswith(LOCAL) or self.complaints.append(asked.url),
        )

    def open(self, url, width=1280, color_scheme="light"):
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=color_scheme)
        # From one place on a page to another Chromium would load nothing.
        self.page.goto("about:blank")
        self.page.mouse.move(0, 0)
        self.page.goto(url)
        return self.page


def names(page):
    """Predictors shown, from top to bottom."""
    return page.locator("#ranking tbody th").all_inner_texts()


def heading(page, key):
    return page.locator(f"#ranking th[data-key={key}]")


def scroll(page, pixels):
    """Scroll the window, and wait until what that brings under the mouse has been told."""
    page.evaluate("pixels => window.scrollBy(0, pixels)", pixels)
    assert page.evaluate("window.scrollY") == pixels
    two_frames = "requestAnimationFrame(() => requestAnimationFrame(done))"
    page.evaluate(f"new Promise(done => {two_frames})")


def draws(page):
    page.locator("#scatter .main-svg").first.wait_for()
    return page


def markers(page):
    """Color and shape of each trace's first point in the scatter plot."""
    return page.evaluate(
        """() => [...document.querySelectorAll("#scatter .scatterlayer .trace")].map((trace) => {
            const point = trace.querySelector(".points path");
            return [getComputedStyle(point).fill, point.getAttribute("d").replace(/[\\d.-]+/g, "")];
        })"""
    )


def shown(page):
    """Keys of the columns in sight, from left to right."""
    keys = "all => all.map(th => th.dataset.key)"
    return page.eval_on_selector_all("#ranking thead th", keys)


def contrast(page, name):
    """Contrast of a color of the style sheet against the ground (WCAG 2.2, relative luminance)."""

    def luminance(code):
        parts = [int(code[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    codes = [
        page.evaluate(
            "name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`)", one
        ).strip()
        for one in (name, "ground")
    ]
    lighter, darker = sorted(map(luminance, codes), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
