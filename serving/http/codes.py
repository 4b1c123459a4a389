"""Every error that the service answers, by status and code, and when it does; grouped as endpoints share them.

A test holds the list against the source: no code is missing, none is invented. Leaves out: raising them.
"""

from __future__ import annotations

from collections.abc import Mapping

Errors = tuple[tuple[int, str], ...]

ERRORS: Mapping[tuple[int, str], str] = {
    (400, "bad_request"): "a header contradicts itself or isn't as HTTP has it",
    (400, "export_not_json"): "the field `objects` isn't JSON",
    (400, "feedback_not_json"): "the body isn't JSON",
    (
        400,
        "form_malformed",
    ): "the multipart body is broken, has a field twice or too many, or isn't UTF-8",
    (400, "image_id_invalid"): "`image_id` came as a file",
    (400, "image_missing"): "there is no file in the field `image`",
    (400, "image_twice"): "both `image` and `image_id` were sent",
    (400, "objects_missing"): "there is no field `objects`",
    (400, "prompts_missing"): "there is no field `prompts`",
    (400, "prompts_not_json"): "the field `prompts` isn't JSON",
    (400, "request_incomplete"): "the connection broke off before the request was whole",
    (401, "proxy_unknown"): "the request didn't come through the proxy",
    (401, "token_missing"): "no token was sent",
    (401, "token_unknown"): "the token isn't known, or has expired",
    (401, "user_missing"): "the proxy named no user",
    (403, "access_required"): "the service asks nobody for a name, and so answers only on its own machine",
    (403, "cross_site"): "a page of another origin sent the request",
    (403, "host_unknown"): "the request came under a name that isn't the service's",
    (403, "role_missing"): "the caller's role, or group, isn't enough",
    (404, "not_found"): "there is nothing at this path",
    (405, "method_not_allowed"): "the path knows other methods only",
    (408, "too_slow"): "the body came too slowly",
    (410, "image_gone"): "no embedding is kept under this id; send the image again",
    (410, "prediction_gone"): "this answer isn't kept any more; ask for the outline again",
    (413, "body_too_large"): "the body is over its limit",
    (413, "feedback_too_large"): "the body of feedback is over its limit",
    (413, "field_too_large"): "a text field is over its limit",
    (413, "image_id_too_large"): "the field `image_id` is over the limit of text fields",
    (413, "image_too_large"): "the image has more pixels than are decoded",
    (413, "objects_too_large"): "the field `objects` is over its limit",
    (413, "prompts_too_large"): "the field `prompts` is over its limit",
    (413, "too_many_frames"): "the file has more frames than are read",
    (413, "too_much_work"): "objects times pixels are over their limit",
    (414, "path_too_long"): "path and query are over 2,048 characters",
    (415, "not_json"): "the body isn't said to be application/json",
    (415, "not_multipart"): "the body isn't said to be multipart/form-data",
    (422, "export_invalid"): "the field `objects` isn't as agreed, or there is no such `format`",
    (422, "feedback_invalid"): "the body isn't as agreed",
    (422, "frame_outside"): "the file has no such frame, or `frame` isn't a number",
    (422, "image_id_invalid"): "`image_id` isn't 64 digits from 0 to 9 and a to f",
    (422, "image_other"): "the file isn't the image that was outlined",
    (422, "image_unreadable"): "the file can't be read as an image",
    (422, "not_dicom"): "the file has no patient and study to refer to",
    (422, "prompts_invalid"): "a prompt, a mask or an object's place isn't as agreed, or doesn't fit the image",
    (429, "busy"): "as many requests of this kind wait as may",
    (429, "too_many_failures"): "too many requests without a right came from this address",
    (431, "headers_too_large"): "the headers are too many or too large",
    (500, "internal"): "a fault of the service; its log says more",
    (503, "access_unavailable"): "the service can't read who may ask",
    (503, "not_ready"): "no model is loaded, or no log is open yet",
    (503, "not_recorded"): "the answer couldn't be entered into the audit log, and so isn't given",
    (503, "overloaded"): "the service holds as many bytes of uploads as it may",
    (503, "too_slow"): "the request waited, or took, as long as it may",
}
"""When each error is answered."""

ANYWHERE: Errors = (
    (400, "bad_request"),
    (403, "host_unknown"),
    (413, "body_too_large"),
    (414, "path_too_long"),
    (431, "headers_too_large"),
    (500, "internal"),
)
"""Of every path."""
BODY: Errors = ((400, "request_incomplete"), (408, "too_slow"), (503, "overloaded"))
"""Where a body is read."""
FORM: Errors = (
    *BODY,
    (400, "form_malformed"),
    (413, "field_too_large"),
    (413, "image_id_too_large"),
    (413, "objects_too_large"),
    (413, "prompts_too_large"),
    (415, "not_multipart"),
)
"""Where the body is a form."""
FILE: Errors = (
    (400, "image_missing"),
    (413, "image_too_large"),
    (413, "too_many_frames"),
    (422, "frame_outside"),
    (422, "image_unreadable"),
)
"""Where an image file is read."""
WORK: Errors = ((429, "busy"), (503, "not_ready"), (503, "overloaded"), (503, "too_slow"))
"""Where something is computed, in turn."""
RECORD: Errors = ((503, "not_ready"), (503, "not_recorded"))
"""Where the audit log takes an entry before the answer is given."""
NOWHERE: Errors = ((404, "not_found"), (405, "method_not_allowed"))
"""Of paths and methods that no operation describes."""
BROWSERS: Errors = ((403, "cross_site"),)
"""Where pages of other origins are refused: all but the page, its files and health."""
KNOWN: Errors = ((429, "too_many_failures"), (503, "not_ready"))
"""Where a caller needs a role, in each mode of access."""
MODES: Mapping[str, Errors] = {
    "none": ((403, "access_required"),),
    "token": ((401, "token_missing"), (401, "token_unknown"), (403, "role_missing"), (503, "access_unavailable")),
    "proxy": ((401, "proxy_unknown"), (401, "user_missing"), (403, "role_missing")),
}
"""Where a caller needs a role, by the mode of access."""
