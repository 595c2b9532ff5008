import { useRealTimeNotifications } from '../hooks/useRealTimeNotifications';

const NotificationComponent = () => {
  const {
    notifications,
    unreadCount,
    enablePushNotifications,
    markAsRead,
    clearNotification,
  } = useRealTimeNotifications();

  return (
    <div>
      <p>Notificaciones: {unreadCount}</p>
      <button onClick={enablePushNotifications}>
        Habilitar Push
      </button>
      {notifications.map(notification => (
        <div key={notification.id}>
          <h4>{notification.title}</h4>
          <p>{notification.message}</p>
          <button onClick={() => markAsRead(notification.id)}>
            Marcar leída
          </button>
        </div>
      ))}
    </div>
  );
};

export default NotificationComponent;
