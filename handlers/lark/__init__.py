"""Lark and Feishu: payloads become events, messages become cards. Nothing of Lark is known outside this folder."""
