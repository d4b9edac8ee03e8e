"""replay_data"""
