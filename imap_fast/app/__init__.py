"""The app: a clip or a prompt goes in, its report comes out, all in a browser.

`serve.py` runs it until it is interrupted. `page.py` is the form, in the colours of `theme.py` and `style.css`; what it
asks for is done by `job.py` with one of `models.py`, and what comes out is kept and handed out by `results.py`.

A Space needs no code, only a Dockerfile:

```dockerfile
FROM python:3.12-slim
RUN pip install 'imap-fast[app]'
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860
CMD ["imap-fast", "app", "--model", "demo", "--model", "THUDM/CogVideoX-2b"]
```
"""
